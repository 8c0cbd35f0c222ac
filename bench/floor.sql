-- What dbt makes of a day of new call logs (in table `usual`), written by hand for just that case:
-- one pass for each table, hash joins, no tests. {day} is the run date.

INSERT INTO analytics.fct_complaints
SELECT md5('call_log|' || call_id), 'call_log', call_id, customer_key, agent_key, customer_id,
       agent_id, made, to_char(made, 'YYYYMMDD')::integer, complaint_category, resolution_status,
       CASE WHEN resolution_status = 'Resolved' THEN call_end_time::date END, NULL, call_start_time,
       call_end_time, '{day}', '{day}'
FROM (
    SELECT *, coalesce(request_date, call_logs_generation_date, '{day}') AS made FROM usual
) AS calls
JOIN analytics.dim_customers AS customer USING (customer_id)
JOIN analytics.dim_agents AS agent USING (agent_id)
WHERE made >= customer.valid_from AND (customer.valid_to IS NULL OR made < customer.valid_to)
  AND made >= agent.valid_from AND (agent.valid_to IS NULL OR made < agent.valid_to);

INSERT INTO analytics.fct_complaint_lifecycle
SELECT md5('call_log|' || call_id), 'call_log', call_id, made, resolution_status,
       CASE WHEN resolution_status = 'Backlog' THEN date '{day}' END,
       CASE WHEN resolution_status = 'In-Progress' THEN date '{day}' END,
       CASE WHEN resolution_status = 'Blocked' THEN date '{day}' END,
       CASE WHEN resolution_status = 'Resolved' THEN date '{day}' END,
       0,
       CASE WHEN resolution_status = 'In-Progress' THEN '{day}' - made END,
       CASE WHEN resolution_status = 'Resolved' THEN '{day}' - made END,
       NULL,
       CASE WHEN resolution_status = 'Resolved' THEN '{day}' <= made + 3
            WHEN '{day}' > made + 3 THEN false END,
       '{day}'
FROM (
    SELECT *, coalesce(request_date, call_logs_generation_date, '{day}') AS made FROM usual
) AS calls;

UPDATE analytics.fct_complaint_lifecycle SET met_sla = false
WHERE met_sla IS NULL AND resolved_date IS NULL AND complaint_date < date '{day}' - 3;

INSERT INTO analytics.agg_daily_complaints
SELECT coalesce(request_date, call_logs_generation_date, '{day}'), 'call_log', complaint_category,
       resolution_status, count(*)
FROM usual GROUP BY 1, 3, 4;

INSERT INTO analytics.agg_agent_daily
SELECT agent_id, coalesce(request_date, call_logs_generation_date, '{day}') AS made, count(*),
       count(*) FILTER (WHERE resolution_status = 'Resolved'),
       sum('{day}' - coalesce(request_date, call_logs_generation_date, '{day}'))
           FILTER (WHERE resolution_status = 'Resolved')
FROM usual GROUP BY 1, 2;

TRUNCATE analytics.agg_agent_performance;
INSERT INTO analytics.agg_agent_performance
SELECT agent_id, name, experience, coalesce(complaints, 0), coalesce(resolved, 0),
       resolved / nullif(complaints, 0), days_to_resolve / nullif(resolved, 0)
FROM analytics.dim_agents
LEFT JOIN (
    SELECT agent_id, sum(complaints) AS complaints, sum(resolved) AS resolved,
           sum(days_to_resolve) AS days_to_resolve
    FROM analytics.agg_agent_daily GROUP BY agent_id
) AS totals USING (agent_id)
WHERE is_current;

CREATE TEMPORARY TABLE months AS
SELECT customer_id, date_trunc('month', made)::date AS month, count(*) AS complaints,
       count(*) FILTER (WHERE channel = 'call_log') AS call_log,
       count(*) FILTER (WHERE channel = 'social_media') AS social_media,
       count(*) FILTER (WHERE channel = 'web_form') AS web_form,
       count(*) FILTER (WHERE complaint_category = 'Technician Support') AS technician_support,
       count(*) FILTER (WHERE complaint_category = 'Network Failure') AS network_failure,
       count(*) FILTER (WHERE complaint_category = 'Router Delivery') AS router_delivery,
       count(*) FILTER (WHERE complaint_category = 'Payments') AS payments,
       count(*) FILTER (WHERE resolution_status = 'Resolved') AS resolved,
       avg(days_to_resolved) AS days_to_resolved, count(DISTINCT agent_id) AS agents
FROM (
    SELECT 'call_log' AS channel, customer_id, agent_id, complaint_category, resolution_status,
           coalesce(request_date, call_logs_generation_date, '{day}') AS made,
           CASE WHEN resolution_status = 'Resolved'
                THEN '{day}' - coalesce(request_date, call_logs_generation_date, '{day}')
           END AS days_to_resolved
    FROM usual
    UNION ALL
    SELECT fct.channel, customer_id, agent_id, complaint_category, fct.resolution_status,
           fct.complaint_date, days_to_resolved
    FROM analytics.fct_complaints AS fct
    JOIN analytics.fct_complaint_lifecycle AS lifecycle USING (complaint_key)
    WHERE fct.last_run_date < '{day}' AND lifecycle.last_run_date < '{day}'
) AS calls
GROUP BY 1, 2;

TRUNCATE analytics.feat_customer_month;
INSERT INTO analytics.feat_customer_month
SELECT customer_id, months.month, months.complaints, months.call_log, months.social_media,
       months.web_form, months.technician_support, months.network_failure, months.router_delivery,
       months.payments, months.resolved, months.resolved::numeric / months.complaints,
       months.days_to_resolved, months.agents, months.complaints - coalesce(before.complaints, 0)
FROM months
LEFT JOIN (
    SELECT customer_id, (month + interval '1 month')::date AS month, complaints FROM months
) AS before USING (customer_id, month);
