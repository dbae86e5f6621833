-- The workers that are alive: they have not stopped, and their leases have not run out. The rule stands here only.
CREATE VIEW live_worker AS
SELECT worker.id, worker.pair, worker.host, worker.slots, worker.lease_expires_at
FROM worker
WHERE worker.stopped_at IS NULL AND worker.lease_expires_at > now();

COMMENT ON VIEW live_worker IS 'One row per worker that is alive: it has not stopped, and its lease has not run out.';
COMMENT ON COLUMN live_worker.id IS 'id of the worker';
COMMENT ON COLUMN live_worker.pair IS 'model pair that it holds';
COMMENT ON COLUMN live_worker.host IS 'machine';
COMMENT ON COLUMN live_worker.slots IS 'most jobs in flight';
COMMENT ON COLUMN live_worker.lease_expires_at IS 'when its jobs are lost unless it renews the lease';
