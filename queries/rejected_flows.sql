-- title: Rejected VPC flows
-- description: Rejected traffic by source and destination, from VPC flow logs: the dataset in S3 with any fields, or lines in the default format (version 2).
-- parameter: top integer = 100 -- Number of rows
WITH parsed AS (
  -- NULL if the message is not JSON, so that the expressions below cannot fail.
  SELECT
    ts,
    message,
    CASE WHEN message LIKE '{%"action":"REJECT"%' AND json_valid(message) THEN message END AS flow
  FROM events
), flows AS (
  SELECT
    ts,
    json_extract_string(flow, '$.interface_id') AS interface,
    json_extract_string(flow, '$.srcaddr') AS source,
    json_extract_string(flow, '$.dstaddr') AS destination,
    try_cast(json_extract_string(flow, '$.dstport') AS BIGINT) AS port,
    json_extract_string(flow, '$.protocol') AS protocol_number,
    try_cast(json_extract_string(flow, '$.packets') AS BIGINT) AS packets
  FROM parsed
  WHERE flow IS NOT NULL AND json_extract_string(flow, '$.action') = 'REJECT'
  UNION ALL
  SELECT
    ts,
    split_part(message, ' ', 3) AS interface,
    split_part(message, ' ', 4) AS source,
    split_part(message, ' ', 5) AS destination,
    try_cast(split_part(message, ' ', 7) AS BIGINT) AS port,
    split_part(message, ' ', 8) AS protocol_number,
    try_cast(split_part(message, ' ', 9) AS BIGINT) AS packets
  FROM parsed
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
