-- title: Slowest Lambda invocations
-- description: Invocations with the longest duration, with memory and cold start (init or SnapStart restore), from REPORT lines and platform.report events.
-- parameter: top integer = 100 -- Number of invocations
WITH reports AS (
  SELECT
    ts,
    log_group,
    log_stream,
    regexp_extract(message, '(?:^REPORT RequestId: |"requestId"\s*:\s*")([0-9a-f-]+)', 1) AS request_id,
    try_cast(nullif(regexp_extract(message, '(?:RequestId: \S+\s+Duration: |"metrics"\s*:\s*\{[^{}]*"durationMs"\s*:\s*)([0-9.]+)', 1), '') AS DOUBLE) AS duration_ms,
    try_cast(nullif(regexp_extract(message, '(?:Billed Duration: |"metrics"\s*:\s*\{[^{}]*"billedDurationMs"\s*:\s*)([0-9.]+)', 1), '') AS DOUBLE) AS billed_ms,
    try_cast(nullif(regexp_extract(message, '(?:Memory Size: |"metrics"\s*:\s*\{[^{}]*"memorySizeMB"\s*:\s*)([0-9]+)', 1), '') AS BIGINT) AS memory_mb,
    try_cast(nullif(regexp_extract(message, '(?:Max Memory Used: |"metrics"\s*:\s*\{[^{}]*"maxMemoryUsedMB"\s*:\s*)([0-9]+)', 1), '') AS BIGINT) AS used_mb,
    try_cast(nullif(regexp_extract(message, '(?:Init Duration: |(?:MB|ms)\s+Restore Duration: |"metrics"\s*:\s*\{[^{}]*"(?:init|restore)DurationMs"\s*:\s*)([0-9.]+)', 1), '') AS DOUBLE) AS init_ms
  FROM events
  WHERE message LIKE 'REPORT RequestId: %' OR (message LIKE '{%' AND regexp_matches(message, '"type"\s*:\s*"platform\.report"'))
)
SELECT ts, log_group, request_id, duration_ms, billed_ms, init_ms, init_ms IS NOT NULL AS cold_start, memory_mb, used_mb, log_stream
FROM reports
WHERE duration_ms IS NOT NULL
QUALIFY row_number() OVER (ORDER BY duration_ms DESC, request_id) <= $top
ORDER BY duration_ms DESC, request_id
