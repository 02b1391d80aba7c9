-- title: Who did what
-- description: Calls by identity from CloudTrail events, refused ones counted apart. Reads are left out unless wanted.
-- parameter: reads text = no -- yes: also calls that only read
-- parameter: top integer = 200 -- How many
WITH parsed AS (
  -- NULL where the message is no JSON: nothing below can fail on it.
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
  count(error) AS refused,
  min(ts) AS first_seen,
  max(ts) AS last_seen
FROM calls
WHERE call IS NOT NULL AND ($reads = 'yes' OR read_only IS NULL OR read_only = 'false')
GROUP BY who, service, call, region
QUALIFY row_number() OVER (ORDER BY count(*) DESC, who, service, call, region) <= $top
ORDER BY calls DESC, who, service, call, region
