-- Sends a body of 1 KiB with each request.
wrk.method = "POST"
wrk.body = string.rep("u", 1024)
wrk.headers["Content-Type"] = "application/octet-stream"
