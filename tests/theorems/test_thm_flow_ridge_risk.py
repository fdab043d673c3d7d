"""Flow stopped at 1/lam has less than 1.686 times the risk of ridge, in every fixed design.

Statement: for every design, truth, sigma and lam > 0, Risk_flow(1/lam) <= rho Risk_ridge(lam) with
rho = sup_x ((1 - e^-x)(1 + x)/x)^2 = 1.685909..., because e^-x <= 1/(1 + x) (the bias is smaller)
and 1 - e^-x <= sqrt(rho) x/(1 + x) (the variance is at most rho times as large). The supremum is
attained at the single x = 1.7933, so rho cannot be replaced by a smaller number.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import flow
from tests.theorems import refits, stopped_flows
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less

mp = refits.mp

#: Where the ratio of the filters is largest: e^x - 1 = x (1 + x).
WORST = mp.findroot(lambda x: mp.expm1(x) - x * (1 + x), 1.8)
RHO = ((1 - mp.exp(-WORST)) * (1 + WORST) / WORST) ** 2
ROOT = mp.sqrt(RHO)


class Instance(NamedTuple):
    d: np.ndarray
    theta: np.ndarray
    sigma: float
    lam: float
    flow: object  # 120 digits: risk of the flow stopped at 1/lam
    ridge: object  # 120 digits: risk of ridge with lam
    x: float  # any positive number, for the two inequalities


def exact_risk(S, truth, sigma):
    miss = truth - S * truth
    return sum(v**2 for v in miss) + mp.mpf(sigma) ** 2 * sum(v**2 for v in S)


def draw(rng, i, *, time=lambda lam, n: 1 / lam):
    d = refits.eigenvalues(rng, i)
    n, Q = len(d), refits.mirror(rng, len(d))
    K = refits.gram(Q, d)
    lam, sigma = refits.ridge_near(rng, d), 10.0 ** rng.uniform(-1, 1)
    theta = 10.0 ** rng.uniform(-2, 2) * rng.standard_normal(n)
    if i % 4 == 0:  # noise only, and the worst place for one of the eigenvalues, or for all
        theta, lam = np.zeros(n), float(rng.choice(d[d > 0]) / WORST)
    if i % 8 == 0:
        d = np.full(n, lam * float(WORST))
        K = refits.gram(Q, d)
    if i % 4 == 1:
        sigma = 0.0  # bias only
    truth = Q * mp.matrix([mp.mpf(float(v)) for v in theta])
    flowed = mp.eye(n) - stopped_flows.exponential(-K * time(mp.mpf(lam), n))
    ridged = refits.fit(K, lam, mp.eye(n))
    values = (exact_risk(S, truth, sigma) for S in (flowed, ridged))
    return Instance(d, theta, sigma, lam, *values, 10.0 ** rng.uniform(-6, 4))


def check(x, *, rho=RHO):
    """Equality only where all that counts sits at the worst place, to the last digit of lam."""
    return at_most(float(x.flow / (rho * x.ridge) - 1), 0.0, tol=1e-25, scale=1.0)


def two_inequalities(x, *, factor=ROOT):
    x = mp.mpf(x.x)
    left, ridge = mp.exp(-x), x / (1 + x)
    return both(
        less(float(left * (1 + x) - 1), 0.0, scale=1.0),
        less(float((1 - left) / (factor * ridge) - 1), 0.0, scale=1.0),
    )


def only_there(x, *, sign=1):
    """Away from WORST, on either side, the ratio of the variances is smaller."""
    delta = mp.mpf(10) ** -(1 + abs(np.log10(x.x)))
    places = [WORST * (1 - delta), WORST * (1 + delta)]
    ratios = [((1 - mp.exp(-v)) * (1 + v) / v) ** 2 / RHO for v in places]
    return less(0.0, [float(sign * (1 - v)) for v in ratios], scale=1.0)


def attained(x):
    """With pure noise on one eigenvalue d = WORST lam the ratio is rho itself."""
    d = np.array([float(WORST) * x.lam])
    parts = flow.flow_ridge_risks(d, [0.0], 1.0, 1 / x.lam)
    ratio = float(parts.flow.risk / parts.ridge.risk)
    by_library = flow.worst_risk_ratio(return_time=True)
    return both(
        equal(ratio, float(RHO), tol=1e-12),
        equal(by_library, [float(RHO), float(WORST)], tol=1e-12),
    )


def library(x):
    parts = flow.flow_ridge_risks(x.d, x.theta, x.sigma, 1 / x.lam)
    scale = x.theta @ x.theta + x.sigma**2
    return both(
        equal(parts.flow.risk, float(x.flow), tol=1e-12, scale=scale),
        equal(parts.ridge.risk, float(x.ridge), tol=1e-12, scale=scale),
    )


def statement(x):
    return both(check(x), two_inequalities(x), only_there(x), attained(x), library(x))


def bias_is_larger(x):
    """The mutant of the first inequality: flow would have the larger bias."""
    if x.sigma > 0:
        return None
    return less(0.0, float(x.flow / x.ridge - 1), scale=1.0)


RESULT = Result(
    label="thm-flow-ridge-risk",
    assumptions=(
        "fixed inputs, uncorrelated noise of variance sigma^2",
        "flow of ||f(X) - y||^2 / 2 from f = 0, stopped at 1/lam",
        "lam > 0, and a risk that is not 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "1.68 for 1.6859": Mutant(lambda x: check(x, rho=mp.mpf("1.68"))),
        "the root of rho, 1.2985": Mutant(lambda x: check(x, rho=mp.sqrt(RHO))),
        "no factor at all": Mutant(lambda x: check(x, rho=mp.mpf(1))),
        "1 - e^-x <= 1.2 x/(1 + x)": Mutant(lambda x: two_inequalities(x, factor=mp.mpf("1.2"))),
        "the ratio is least at 1.7933": Mutant(lambda x: only_there(x, sign=-1)),
        "flow has the larger bias": Mutant(bias_is_larger),
        "stopped at 2/lam": Mutant(check, draw=lambda r, i: draw(r, i, time=lambda v, n: 2 / v)),
        "stopped at 1/(4 lam)": Mutant(
            check, draw=lambda r, i: draw(r, i, time=lambda v, n: 1 / (4 * v))
        ),
        "stopped at n/lam, the loss divided by n": Mutant(
            check, draw=lambda r, i: draw(r, i, time=lambda v, n: n / v)
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
