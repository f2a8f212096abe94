// What a script may ask of the interpreter: numbers, texts, objects, errors, regular expressions, time.
print([3, 1, 2].sort().map(function (x) { return x * x; }), JSON.stringify({ a: [1, "x", null], b: { c: true } }));
print(0.1 + 0.2, 1 / 3, 1e21, 123456789 * 987654321, parseInt("ff", 16), parseFloat("2.5e-3"), (255).toString(2), (1234.5678).toFixed(2));
print(Math.tan(1), Math.acos(-1), Math.log(10), Math.exp(1), Math.pow(2, 0.5), Math.atan2(1, -1));
try { null.x; } catch (e) { print(e); }
try { (function deep() { return deep() + 1; })(); } catch (e) { print(e.name); }
print(/(\d+)-(\d+)/.exec("x 12-34 y")[2], "one two".replace(/o/g, "0"), "a,b,,c".split(",").length);
print(new Date(0).toISOString(), new Date(2000, 1, 29).getDay(), Date.UTC(2038, 0, 19, 3, 14, 7));
var text = ""; for (var i = 0; i < 5000; i++) text += String.fromCharCode(97 + i % 26);
print(text.length, text.indexOf("zab", 100), typeof Duktape);
