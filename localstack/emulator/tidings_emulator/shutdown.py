"""Says to all threads that the launcher is ending, so that what it kills is not taken for a failure."""

import threading

STOPPING = threading.Event()
