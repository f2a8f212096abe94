// A second engine: no number here depends on how a compiler rounds.
print([3, 1, 2].sort().join("-"), JSON.stringify({ a: [1, "x", null], b: { c: true } }), 0.5 + 0.25, 1e21, parseInt("ff", 16));
try { null.x; } catch (e) { print(e.name); }
print(/(\d+)-(\d+)/.exec("x 12-34 y")[2], "one two".replace(/o/g, "0"), new Date(0).toISOString());
function queens(size, row, columns) {
	if (row === size) return 1;
	var found = 0;
	for (var column = 0; column < size; ++column) {
		var free = true;
		for (var other = 0; other < row && free; ++other)
			free = columns[other] !== column && Math.abs(columns[other] - column) !== row - other;
		if (free) { columns[row] = column; found += queens(size, row + 1, columns); }
	}
	return found;
}
print(queens(6, 0, []), "ways for 6 queens");
