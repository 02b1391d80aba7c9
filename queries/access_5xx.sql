-- title: 5xx errors over time
-- description: Requests and server errors from access logs of load balancers, CloudFront, S3, and AWS WAF, in the common or combined format, or in JSON with a status field.
-- parameter: minutes integer = 5 -- Interval in minutes
-- parameter: status_field text = $.status -- JSON path of the status
-- chart: line time percent log_group
WITH requests AS (
  SELECT
    ts,
    log_group,
    try_cast(
      CASE
        WHEN json_valid(message) THEN json_extract_string(message, $status_field)
        ELSE nullif(regexp_extract(message, '" ([1-5][0-9][0-9]) ([0-9]+|-)', 1), '')
      END AS BIGINT
    ) AS status
  FROM events
)
SELECT
  time_bucket(INTERVAL ($minutes) MINUTE, ts) AS time,
  log_group,
  count(*) AS requests,
  count(*) FILTER (WHERE status >= 500) AS errors,
  round(100.0 * count(*) FILTER (WHERE status >= 500) / count(*), 3) AS percent
FROM requests
WHERE status BETWEEN 100 AND 599
GROUP BY time, log_group
ORDER BY time, log_group
