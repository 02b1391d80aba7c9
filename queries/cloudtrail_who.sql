-- title: Who did what
-- description: API calls by identity from CloudTrail events, with the number of failed calls. Excludes read-only calls by default.
-- parameter: reads text = no -- yes: include read-only calls
-- parameter: top integer = 200 -- Number of rows
WITH parsed AS (
  -- NULL if the message is not JSON, so that the expressions below cannot fail.
  SELECT ts, CASE WHEN json_valid(message) AND message LIKE '%"eventSource"%' THEN message END AS event
  FROM events
), calls AS (
  SELECT
    ts,
    coalesce(
      json_extract_string(event, '$.userIdentity.arn'),
      json_extract_string(event, '$.userIdentity.invokedBy'),
      json_extract_string(event, '$.userIdentity.type')
    ) AS who,
    json_extract_string(event, '$.eventSource') AS service,
    json_extract_string(event, '$.eventName') AS call,
    json_extract_string(event, '$.awsRegion') AS region,
    json_extract_string(event, '$.errorCode') AS error,
    json_extract_string(event, '$.readOnly') AS read_only
  FROM parsed
)
SELECT
  who,
  service,
  call,
  region,
  count(*) AS calls,
  count(error) AS failed,
  min(ts) AS first_seen,
  max(ts) AS last_seen
FROM calls
WHERE call IS NOT NULL AND ($reads = 'yes' OR read_only IS NULL OR read_only = 'false')
GROUP BY who, service, call, region
QUALIFY row_number() OVER (ORDER BY count(*) DESC, who, service, call, region) <= $top
ORDER BY calls DESC, who, service, call, region
