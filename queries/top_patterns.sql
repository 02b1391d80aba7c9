-- title: Top patterns
-- description: The most frequent message patterns, with numbers and IDs masked, and one example each.
-- parameter: top integer = 50 -- Number of patterns
-- chart: bar events pattern
SELECT
  pattern,
  count(*) AS events,
  min(level) AS level,
  count(DISTINCT log_group) AS log_groups,
  min(ts) AS first_seen,
  max(ts) AS last_seen,
  min(message) AS example
FROM events
GROUP BY pattern
QUALIFY row_number() OVER (ORDER BY count(*) DESC, pattern) <= $top
ORDER BY events DESC, pattern
