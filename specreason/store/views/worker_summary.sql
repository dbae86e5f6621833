-- One row per worker: who it is, whether its lease counts, and what it is doing.
CREATE VIEW worker_summary AS
SELECT
    worker.id AS worker_id,
    worker.pair,
    worker.pair_fingerprint,
    worker.host,
    worker.pid,
    worker.gpu,
    live_worker.id IS NOT NULL AS alive,
    worker.slots,
    jobs.num_running,
    attempts.num_attempts,
    attempts.num_lost,
    worker.started_at,
    worker.heartbeat_at,
    worker.lease_expires_at,
    worker.stopped_at
FROM worker
LEFT JOIN live_worker ON live_worker.id = worker.id
CROSS JOIN LATERAL (
    SELECT count(*) AS num_running FROM job WHERE job.worker_id = worker.id AND job.state = 'running'
) AS jobs
CROSS JOIN LATERAL (
    SELECT count(*) AS num_attempts, count(*) FILTER (WHERE attempt.outcome = 'lost') AS num_lost
    FROM attempt
    WHERE attempt.worker_id = worker.id
) AS attempts;

COMMENT ON VIEW worker_summary IS 'One row per worker: who it is, whether its lease counts, what it is doing.';
COMMENT ON COLUMN worker_summary.worker_id IS 'uuid7: sorts by the time of the start; a restarted child is a new worker';
COMMENT ON COLUMN worker_summary.pair IS 'model pair that it holds';
COMMENT ON COLUMN worker_summary.pair_fingerprint IS 'weights, templates and engine version';
COMMENT ON COLUMN worker_summary.host IS 'machine';
COMMENT ON COLUMN worker_summary.pid IS 'process that holds the pair';
COMMENT ON COLUMN worker_summary.gpu IS 'CUDA_VISIBLE_DEVICES; NULL on a CPU';
COMMENT ON COLUMN worker_summary.alive IS 'whether its lease counts';
COMMENT ON COLUMN worker_summary.slots IS 'most jobs in flight';
COMMENT ON COLUMN worker_summary.num_running IS 'slots in use';
COMMENT ON COLUMN worker_summary.num_attempts IS 'jobs it has claimed so far';
COMMENT ON COLUMN worker_summary.num_lost IS 'of these, those it was lost with';
COMMENT ON COLUMN worker_summary.started_at IS 'when it could take jobs';
COMMENT ON COLUMN worker_summary.heartbeat_at IS 'when its supervisor last renewed the lease';
COMMENT ON COLUMN worker_summary.lease_expires_at IS 'when its jobs are lost unless it renews the lease';
COMMENT ON COLUMN worker_summary.stopped_at IS 'when it left or was given up';
