-- Sends a body of 10 MiB with each request. The request is made once, before the load begins.
wrk.method = "POST"
wrk.body = string.rep("u", 10 * 1024 * 1024)
wrk.headers["Content-Type"] = "application/octet-stream"
