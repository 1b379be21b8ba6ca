import os

from hypothesis import settings

# Networks this small are fastest on one thread, and sums then do not depend on the machine's
# cores. Read when torch and numba are first imported, which is after this file.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The first example of a property may compile a kernel, and a red build must be red again.
settings.register_profile("prefgym", deadline=None, derandomize=True)
settings.load_profile("prefgym")
