-- What a script may ask of the interpreter, and the interpreter of the system: texts, tables, mathematics, coroutines, errors, time, files.
print(_VERSION, ...)
local words = {}
for word in ("the quick brown fox"):gmatch("%a+") do words[#words + 1] = word end
table.sort(words)
print(table.concat(words, " "), #words)
print(math.sin(1), math.tan(1), math.log(1000, 10), math.acos(-1), math.asin(0.5), math.atan(1, 2))
print(math.acos(2) ~= math.acos(2), 2 ^ 53, 10 / 3, 0x7fffffffffffffff + 1)
print(string.format("%5.2f|%x|%q|%-6s|%e", math.pi, 255, "a\nb", "end", 12345.678))
local next_one = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(next_one(), next_one(), next_one())
print(select(2, pcall(error, { code = 7 })).code, select(2, pcall(function() return 1 // 0 end)))
print(os.date("!%Y-%m-%d %H:%M:%S %A", 86400 * 365), os.time { year = 2000, month = 1, day = 32, hour = 0 }, os.clock() < 60)
print(os.date("*t", 951782400).yday, os.difftime(10, 4), os.time() >= 946684800)
print(io.open("nothing.txt"))
print(os.remove("\\Boot\\tour.lua"))
print(pcall(os.tmpname), io.tmpfile())
print(os.execute(), pcall(io.popen, "ls"))
print(require ~= nil, pcall(require, "absent") == false, package.loadlib("absent.dll", "f"))
local file = io.open("\\Boot\\tour.lua", "rb")
print(file:seek("end") > 1000, file:seek("set", 3), file:read(4), file:read("n"), file:close())
local count = 0
for line in io.lines("\\Boot\\tour.lua") do count = count + #line:gsub("[^c]", "") end
print(count)
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print(fib(20), collectgarbage("count") > 10, #tostring(print) > 10)
os.exit(5)
