-- title: Gaps in log streams
-- description: Periods without events in each log stream, longest first.
-- parameter: minutes integer = 10 -- Minimum gap in minutes
-- parameter: log_group text = % -- Log group; % matches any text
-- parameter: top integer = 100 -- Number of gaps
WITH steps AS (
  SELECT
    account,
    region,
    log_group,
    log_stream,
    ts AS silent_from,
    lead(ts) OVER (PARTITION BY account, region, log_group, log_stream ORDER BY ts) AS silent_until
  FROM events
  WHERE log_group LIKE $log_group
)
SELECT
  log_group,
  log_stream,
  silent_from,
  silent_until,
  round((epoch(silent_until) - epoch(silent_from)) / 60, 1) AS minutes,
  account,
  region
FROM steps
WHERE epoch(silent_until) - epoch(silent_from) >= $minutes * 60
QUALIFY row_number() OVER (ORDER BY epoch(silent_until) - epoch(silent_from) DESC, log_group, log_stream, silent_from) <= $top
ORDER BY minutes DESC, log_group, log_stream, silent_from
