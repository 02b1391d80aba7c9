-- title: Latency percentiles
-- description: Exact p50, p95, and p99 for each log group, from JSON messages with a latency field, access logs that end with the latency, and Lambda REPORT lines and platform.report events.
-- parameter: field text = $.latency_ms -- JSON path of the latency
-- parameter: regex text = (?:^|[ =])([0-9]+[.][0-9]+)s?$ -- Regular expression for access logs; its first group is the latency
-- chart: bar p95 log_group
WITH latencies AS (
  SELECT
    log_group,
    try_cast(
      CASE
        WHEN message LIKE '{%' AND regexp_matches(message, '"type"\s*:\s*"platform\.report"')
          THEN nullif(regexp_extract(message, '(?:RequestId: \S+\s+Duration: |"metrics"\s*:\s*\{[^{}]*"durationMs"\s*:\s*)([0-9.]+)', 1), '')
        WHEN json_valid(message) THEN json_extract_string(message, $field)
        WHEN message LIKE 'REPORT RequestId: %' THEN nullif(regexp_extract(message, '(?:RequestId: \S+\s+Duration: |"metrics"\s*:\s*\{[^{}]*"durationMs"\s*:\s*)([0-9.]+)', 1), '')
        WHEN regexp_matches(message, '" [1-5][0-9][0-9] ([0-9]+|-)') THEN nullif(regexp_extract(message, $regex, 1), '')
      END AS DOUBLE
    ) AS latency
  FROM events
), by_value AS (
  -- Counting equal values first keeps the percentiles exact and the query small.
  SELECT log_group, latency, count(*) AS requests
  FROM latencies
  WHERE latency IS NOT NULL
  GROUP BY log_group, latency
), ranked AS (
  SELECT
    log_group,
    latency,
    requests,
    sum(requests) OVER (PARTITION BY log_group ORDER BY latency) AS up_to,
    sum(requests) OVER (PARTITION BY log_group) AS total
  FROM by_value
)
SELECT
  log_group,
  CAST(max(total) AS BIGINT) AS requests,
  min(latency) FILTER (WHERE up_to >= 0.50 * total) AS p50,
  min(latency) FILTER (WHERE up_to >= 0.95 * total) AS p95,
  min(latency) FILTER (WHERE up_to >= 0.99 * total) AS p99,
  max(latency) AS slowest
FROM ranked
GROUP BY log_group
ORDER BY p95 DESC, log_group
