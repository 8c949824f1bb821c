-- wrk calls this once at the end. JSON in exact units, instead of the rounded ones that it prints for people.
function done(summary, latency)
  io.write(string.format(
    'REPORT {"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,"statusErrors":%d,"socketErrors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
