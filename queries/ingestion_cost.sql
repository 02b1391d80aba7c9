-- title: Ingestion by group and what it costs
-- description: Bytes of message by log group, and what CloudWatch Logs charges to take them in. 26 bytes are added an event, as CloudWatch counts them.
-- parameter: dollars_gb number = 0.50 -- Dollars a GB taken in (standard class, us-east-1)
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
