-- wrk: each request reads one of SIZE customers, by chance.
local size = tonumber(os.getenv("SIZE"))
request = function()
  return wrk.format("GET", string.format("/get/%06d", math.random(0, size - 1)))
end
