-- SPDX-License-Identifier: MPL-2.0
-- Requests for wrk: BENCH is read, email, patch or updates; CONTACTS how many there are; TOKEN a bearer token.
local what = os.getenv("BENCH")
local contacts = tonumber(os.getenv("CONTACTS"))
local headers = { ["Authorization"] = "Bearer " .. os.getenv("TOKEN"), ["Content-Type"] = "application/json" }
local langs = { "de", "fr", "it", "es", "en" }

local function id_of(n) return string.format("%08x-0000-4000-8000-%012x", (n * 2654435761) % 4294967296, n) end

function init() math.randomseed(os.time()) end

function request()
    local n = math.random(1, contacts)
    if what == "read" then return wrk.format("GET", "/ctms/" .. id_of(n), headers) end
    if what == "email" then return wrk.format("GET", "/ctms?primary_email=contact-" .. n .. "%40example.com", headers) end
    if what == "updates" then
        return wrk.format("GET", "/updates?start=2001-01-01T00:00:00Z&limit=1000", headers)
    end
    local body = '{"newsletters":[{"name":"hubs","lang":"' .. langs[math.random(#langs)] .. '"}]}'
    return wrk.format("PATCH", "/ctms/" .. id_of(n), headers, body)
end
