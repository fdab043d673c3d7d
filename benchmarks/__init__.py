"""What the README claims about speed and memory, runnable: ``python -m benchmarks``.

Everything runs on one thread; the environment is set here, before numpy is imported.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
