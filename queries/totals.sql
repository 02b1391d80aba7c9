-- title: Totals
-- description: Events, errors, log groups, and ingested bytes in the time range, in one row.
SELECT
  count(*) AS events,
  count(*) FILTER (WHERE level IN ('ERROR', 'FATAL')) AS errors,
  round(100.0 * count(*) FILTER (WHERE level IN ('ERROR', 'FATAL')) / count(*), 2) AS error_percent,
  count(DISTINCT log_group) AS log_groups,
  CAST(sum(strlen(message) + 26) AS BIGINT) AS ingested_bytes
FROM events
HAVING count(*) > 0
