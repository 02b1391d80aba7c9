-- title: New patterns since yesterday
-- description: Message patterns that first appeared in the last hours of the time range. Use a range longer than those hours.
-- parameter: hours integer = 24 -- Number of hours at the end of the range
WITH latest AS (
  SELECT max(ts) AS at FROM events
), by_pattern AS (
  SELECT
    pattern,
    count(*) AS events,
    min(level) AS level,
    min(log_group) AS log_group,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    min(message) AS example
  FROM events
  GROUP BY pattern
)
SELECT pattern, events, level, log_group, first_seen, last_seen, example
FROM by_pattern
CROSS JOIN latest
WHERE epoch(first_seen) > epoch(latest.at) - $hours * 3600
ORDER BY events DESC, pattern
