-- title: Rejected VPC flows
-- description: Rejected traffic by source and destination, from VPC flow logs in the default format (version 2).
-- parameter: top integer = 100 -- Number of rows
WITH flows AS (
  SELECT
    ts,
    split_part(message, ' ', 3) AS interface,
    split_part(message, ' ', 4) AS source,
    split_part(message, ' ', 5) AS destination,
    try_cast(split_part(message, ' ', 7) AS BIGINT) AS port,
    split_part(message, ' ', 8) AS protocol_number,
    try_cast(split_part(message, ' ', 9) AS BIGINT) AS packets
  FROM events
  WHERE regexp_matches(message, '^2 [0-9]+ eni-[0-9a-f]+ ') AND split_part(message, ' ', 13) = 'REJECT'
)
SELECT
  source,
  destination,
  port,
  CASE protocol_number WHEN '1' THEN 'ICMP' WHEN '6' THEN 'TCP' WHEN '17' THEN 'UDP' ELSE protocol_number END AS protocol,
  interface,
  count(*) AS flows,
  CAST(sum(packets) AS BIGINT) AS packets,
  min(ts) AS first_seen,
  max(ts) AS last_seen
FROM flows
GROUP BY source, destination, port, protocol, interface
QUALIFY row_number() OVER (ORDER BY count(*) DESC, source, destination, port, interface) <= $top
ORDER BY flows DESC, source, destination, port, interface
