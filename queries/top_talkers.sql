-- title: Top talkers by bytes
-- description: Address pairs with the most traffic, from VPC flow logs in the default format (version 2).
-- parameter: top integer = 50 -- Number of pairs
-- chart: bar bytes source
WITH flows AS (
  SELECT
    split_part(message, ' ', 4) AS source,
    split_part(message, ' ', 5) AS destination,
    try_cast(split_part(message, ' ', 10) AS BIGINT) AS sent
  FROM events
  WHERE regexp_matches(message, '^2 [0-9]+ eni-[0-9a-f]+ ')
)
SELECT source, destination, CAST(sum(sent) AS BIGINT) AS bytes, count(*) AS flows
FROM flows
WHERE sent IS NOT NULL
GROUP BY source, destination
QUALIFY row_number() OVER (ORDER BY sum(sent) DESC, source, destination) <= $top
ORDER BY bytes DESC, source, destination
