-- wrk calls this once at the end. JSON in exact units, instead of the rounded ones that it prints for people.
function done(summary, latency)
  local errors = summary.errors
  local socket = errors.connect + errors.read + errors.write + errors.timeout
  if errors.status + socket > 0 then
    io.stderr:write(string.format('%d requests refused, %d socket errors\n', errors.status, socket))
    os.exit(1)
  end
  io.write(string.format('{"count":%d,"wallNs":%d000,"p50Us":%d,"p99Us":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99)))
end
