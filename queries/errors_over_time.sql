-- title: Errors over time
-- description: Events with the level ERROR or FATAL by interval, for each log group.
-- parameter: minutes integer = 5 -- Interval in minutes
-- chart: bar time errors log_group
SELECT
  time_bucket(INTERVAL ($minutes) MINUTE, ts) AS time,
  log_group,
  count(*) AS errors
FROM events
WHERE level IN ('ERROR', 'FATAL')
GROUP BY time, log_group
ORDER BY time, log_group
