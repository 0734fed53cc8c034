-- SPDX-License-Identifier: MPL-2.0
-- Requests for wrk. BENCH: read, email, patch, mix (the first three, 8:1:1), bulk, updates or token. CONTACTS: the number of contacts.
-- TOKEN: a bearer token, or the client's form for BENCH=token. Ids and times are as in support/contacts.py.
local what = os.getenv("BENCH")
local contacts = tonumber(os.getenv("CONTACTS"))
local newest = 1700000000
local page = 1000

local host = "Host: 127.0.0.1\r\n"
local headers = host .. "Authorization: Bearer " .. os.getenv("TOKEN") .. "\r\n"

local function id_of(n) return string.format("%08x-0000-4000-8000-%012x", (n * 2654435761) % 4294967296, n) end

local function with_body(line, more, body)
    return line .. " HTTP/1.1\r\n" .. more .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

local function any() return math.random(1, contacts) end

local requests = {}

function requests.read() return "GET /ctms/" .. id_of(any()) .. " HTTP/1.1\r\n" .. headers .. "\r\n" end

function requests.email()
    return "GET /ctms?primary_email=contact-" .. any() .. "%40example.com HTTP/1.1\r\n" .. headers .. "\r\n"
end

-- Chooses a language that the newsletter most likely does not have yet, so that there is something to write.
function requests.patch()
    local lang = string.char(math.random(97, 122), math.random(97, 122))
    local body = '{"newsletters":[{"name":"hubs","lang":"' .. lang .. '"}]}'
    return with_body("PATCH /ctms/" .. id_of(any()), headers .. "Content-Type: application/json\r\n", body)
end

function requests.mix()
    local dice = math.random(10)
    if dice == 1 then return requests.patch() end
    if dice == 2 then return requests.email() end
    return requests.read()
end

-- Changes the names of a full list of contacts.
function requests.bulk()
    local items = {}
    for i = 1, page do
        items[i] = '{"op":"patch","email_id":"' .. id_of(any()) .. '","email":{"first_name":"Name ' .. math.random(1, 1000000) .. '"}}'
    end
    return with_body("POST /ctms/bulk", headers .. "Content-Type: application/json\r\n", "[" .. table.concat(items, ",") .. "]")
end

-- A full page from anywhere: contact n was changed n seconds before the newest.
function requests.updates()
    local start = newest - math.random(math.min(page, contacts), contacts)
    local text = os.date("!%Y-%m-%dT%H:%M:%SZ", start)
    return "GET /updates?start=" .. text .. "&limit=" .. page .. " HTTP/1.1\r\n" .. headers .. "\r\n"
end

function requests.token()
    return with_body("POST /token", host .. "Content-Type: application/x-www-form-urlencoded\r\n", os.getenv("TOKEN"))
end

function init() math.randomseed(os.time()) end

request = requests[what]
