-- title: Cold starts by function
-- description: Cold starts and their init or SnapStart restore duration for each Lambda function, from REPORT lines and platform.report events.
-- chart: bar cold_starts log_group
WITH reports AS (
  SELECT
    log_group,
    try_cast(nullif(regexp_extract(message, '(?:Init Duration: |(?:MB|ms)\s+Restore Duration: |"metrics"\s*:\s*\{[^{}]*"(?:init|restore)DurationMs"\s*:\s*)([0-9.]+)', 1), '') AS DOUBLE) AS init_ms
  FROM events
  WHERE message LIKE 'REPORT RequestId: %' OR (message LIKE '{%' AND regexp_matches(message, '"type"\s*:\s*"platform\.report"'))
)
SELECT
  log_group,
  count(*) AS invocations,
  count(init_ms) AS cold_starts,
  round(100.0 * count(init_ms) / count(*), 2) AS cold_percent,
  round(avg(init_ms), 1) AS average_init_ms,
  max(init_ms) AS longest_init_ms
FROM reports
GROUP BY log_group
ORDER BY cold_starts DESC, log_group
