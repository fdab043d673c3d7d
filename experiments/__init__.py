"""The experiments with networks, at full size: ``python -m experiments NAME --data DATA``.

Each module here is one experiment. It has ``SETTINGS``, a dictionary for every data set that it
knows; ``run(settings, seed, device, folder)``, which returns named arrays for one seed; and
``summary(settings, arrays)``, the text that the command prints. `sweep` runs the seeds, stores
what they return, and goes on where it was stopped.

Splits are three-way. Everything that is chosen is chosen on the validation part, whose labels are
as noisy as those for training; test labels are clean, and only reported.
"""
