-- title: Ingestion cost by log group
-- description: Ingested bytes by log group, and what CloudWatch Logs charges for them. Includes the 26 bytes per event that CloudWatch Logs adds.
-- parameter: dollars_gb number = 0.50 -- Price per ingested GB (Standard log class, us-east-1)
-- chart: bar dollars log_group
SELECT
  account,
  region,
  log_group,
  count(*) AS events,
  CAST(sum(strlen(message) + 26) AS BIGINT) AS bytes,
  round(sum(strlen(message) + 26) / 1073741824.0 * $dollars_gb, 6) AS dollars,
  round(avg(strlen(message)), 1) AS average_bytes
FROM events
GROUP BY account, region, log_group
ORDER BY bytes DESC, account, region, log_group
