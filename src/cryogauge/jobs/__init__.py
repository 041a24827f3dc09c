"""Many inputs: workers on this machine or a cluster, and the ledger that makes every batch resumable."""

from cryogauge.jobs.batch import Outcome, run_batch
from cryogauge.jobs.cluster import threads_each
from cryogauge.jobs.failures import Failure, explain
from cryogauge.jobs.ledger import Ledger, LedgerKey

__all__ = ["Failure", "Ledger", "LedgerKey", "Outcome", "explain", "run_batch", "threads_each"]
