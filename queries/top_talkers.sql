-- title: Top talkers by bytes
-- description: Address pairs with the most traffic, from VPC flow logs: the dataset in S3 with any fields, or lines in the default format (version 2).
-- parameter: top integer = 50 -- Number of pairs
-- chart: bar bytes source
WITH parsed AS (
  -- NULL if the message is not JSON, so that the expressions below cannot fail.
  SELECT
    message,
    CASE WHEN message LIKE '{%"srcaddr":%' AND json_valid(message) THEN message END AS flow
  FROM events
), flows AS (
  SELECT
    json_extract_string(flow, '$.srcaddr') AS source,
    json_extract_string(flow, '$.dstaddr') AS destination,
    try_cast(json_extract_string(flow, '$.bytes') AS BIGINT) AS sent
  FROM parsed
  WHERE flow IS NOT NULL
  UNION ALL
  SELECT
    split_part(message, ' ', 4) AS source,
    split_part(message, ' ', 5) AS destination,
    try_cast(split_part(message, ' ', 10) AS BIGINT) AS sent
  FROM parsed
  WHERE regexp_matches(message, '^2 [0-9]+ eni-[0-9a-f]+ ')
)
SELECT source, destination, CAST(sum(sent) AS BIGINT) AS bytes, count(*) AS flows
FROM flows
WHERE sent IS NOT NULL
GROUP BY source, destination
QUALIFY row_number() OVER (ORDER BY sum(sent) DESC, source, destination) <= $top
ORDER BY bytes DESC, source, destination
