/** Weight on the size of the solution, as a share of the mean square of the columns: keeps columns apart that are nearly alike. */
const RIDGE = 1e-8;

/** Solves `rows` x = `values` in the least squares, by the normal equations. @param rows - `[n][m]`, n >= m. */
export function solveLeastSquares(rows: readonly (readonly number[])[], values: readonly number[]): Float64Array {
    const width = rows[0]?.length ?? 0;
    const matrix = Array.from({ length: width }, () => new Float64Array(width + 1));
    for (const [n, row] of rows.entries())
        for (let i = 0; i < width; i++) {
            const line = matrix[i] as Float64Array;
            for (let j = 0; j < width; j++) line[j] = (line[j] as number) + (row[i] as number) * (row[j] as number);
            line[width] = (line[width] as number) + (row[i] as number) * (values[n] as number);
        }
    const size = matrix.reduce((sum, line, i) => sum + (line[i] as number) / width, 0);
    for (let i = 0; i < width; i++) (matrix[i] as Float64Array)[i] = (matrix[i]?.[i] as number) + RIDGE * size;
    return eliminate(matrix, width);
}

/** Gauss-Jordan with the largest pivot. @param matrix - `[m][m + 1]`, the right side last; overwritten. */
function eliminate(matrix: Float64Array[], width: number): Float64Array {
    for (let column = 0; column < width; column++) {
        let pivot = column;
        for (let i = column; i < width; i++)
            if (Math.abs(matrix[i]?.[column] as number) > Math.abs(matrix[pivot]?.[column] as number)) pivot = i;
        const line = matrix[pivot] as Float64Array;
        matrix[pivot] = matrix[column] as Float64Array;
        matrix[column] = line;
        const scale = line[column] as number;
        for (let j = column; j <= width; j++) line[j] = (line[j] as number) / scale;
        for (const [i, other] of matrix.entries()) {
            const factor = other[column] as number;
            if (i === column || factor === 0) continue;
            for (let j = column; j <= width; j++) other[j] = (other[j] as number) - factor * (line[j] as number);
        }
    }
    return Float64Array.from(matrix, (line) => line[width] as number);
}
