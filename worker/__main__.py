"""`python -m worker` is the worker's child process.

multiprocessing imports the main module again in each process that it spawns, unless it is a package's `__main__`: so an
engine process imports neither Celery nor SQLAlchemy.
"""

from __future__ import annotations

import sys

from worker.child import main

if __name__ == "__main__":
    sys.exit(main())
