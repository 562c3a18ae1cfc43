-- wrk: each request writes one of SIZE customers, by chance.
local size = tonumber(os.getenv("SIZE"))
wrk.headers["Content-Type"] = "application/json"
request = function()
  local body = string.format(
    '{"customerID": "%06d", "firstName": "Ada", "lastName": "Lovelace %d"}',
    math.random(0, size - 1), math.random(0, 999999))
  return wrk.format("POST", "/set", nil, body)
end
