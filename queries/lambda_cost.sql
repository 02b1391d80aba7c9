-- title: Lambda cost by function
-- description: GB-seconds and cost from REPORT lines and platform.report events: billed duration times memory, plus the price per request.
-- parameter: gb_second number = 0.0000166667 -- Price per GB-second (x86, us-east-1; arm64: 0.0000133334)
-- parameter: million_requests number = 0.20 -- Price per million requests
-- chart: bar dollars log_group
WITH reports AS (
  SELECT
    account,
    region,
    log_group,
    try_cast(nullif(regexp_extract(message, '(?:Billed Duration: |"metrics"\s*:\s*\{[^{}]*"billedDurationMs"\s*:\s*)([0-9.]+)', 1), '') AS DOUBLE) AS billed_ms,
    try_cast(nullif(regexp_extract(message, '(?:Memory Size: |"metrics"\s*:\s*\{[^{}]*"memorySizeMB"\s*:\s*)([0-9]+)', 1), '') AS DOUBLE) AS memory_mb,
    try_cast(nullif(regexp_extract(message, '(?:Max Memory Used: |"metrics"\s*:\s*\{[^{}]*"maxMemoryUsedMB"\s*:\s*)([0-9]+)', 1), '') AS BIGINT) AS used_mb
  FROM events
  WHERE message LIKE 'REPORT RequestId: %' OR (message LIKE '{%' AND regexp_matches(message, '"type"\s*:\s*"platform\.report"'))
)
SELECT
  account,
  region,
  log_group,
  count(*) AS invocations,
  round(sum(billed_ms * memory_mb) / 1024 / 1000, 3) AS gb_seconds,
  round(sum(billed_ms * memory_mb) / 1024 / 1000 * $gb_second + count(*) * $million_requests / 1000000, 6) AS dollars,
  max(memory_mb) AS memory_mb,
  max(used_mb) AS most_used_mb
FROM reports
WHERE billed_ms IS NOT NULL
GROUP BY account, region, log_group
ORDER BY dollars DESC, log_group, account, region
