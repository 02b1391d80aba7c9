-- title: Top templates
-- description: The most frequent kinds of message, numbers and ids masked, with one example each.
-- parameter: top integer = 50 -- How many
-- chart: bar events template
SELECT
  template,
  count(*) AS events,
  min(level) AS level,
  count(DISTINCT log_group) AS log_groups,
  min(ts) AS first_seen,
  max(ts) AS last_seen,
  min(message) AS example
FROM events
GROUP BY template
QUALIFY row_number() OVER (ORDER BY count(*) DESC, template) <= $top
ORDER BY events DESC, template
