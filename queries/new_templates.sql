-- title: New templates since yesterday
-- description: Kinds of message that were not there before the last hours of the range. Choose a range longer than those hours.
-- parameter: hours integer = 24 -- How many hours at the end of the range count as new
WITH latest AS (
  SELECT max(ts) AS at FROM events
), by_template AS (
  SELECT
    template,
    count(*) AS events,
    min(level) AS level,
    min(log_group) AS log_group,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    min(message) AS example
  FROM events
  GROUP BY template
)
SELECT template, events, level, log_group, first_seen, last_seen, example
FROM by_template
CROSS JOIN latest
WHERE epoch(first_seen) > epoch(latest.at) - $hours * 3600
ORDER BY events DESC, template
