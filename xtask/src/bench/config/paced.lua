-- Waits 5 to 15 ms, at random, before each request of a connection: the servers are busy, but not full, as they are in life.
-- What the wait takes is not part of the response time.
function init()
    math.randomseed(os.time())
end

function delay()
    return math.random(5, 15)
end
