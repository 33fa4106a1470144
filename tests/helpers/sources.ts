import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The repository's root folder. */
export const ROOT: string = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'build', 'generated', 'public', 'output']);

/** All files under `folders` whose name ends in one of `endings`: paths from the root with forward slashes, sorted. */
export function listFiles(folders: readonly string[], endings: readonly string[]): string[] {
    const found: string[] = [];
    const walk = (folder: string): void => {
        for (const entry of readdirSync(folder, { withFileTypes: true })) {
            const path = join(folder, entry.name);
            if (entry.isDirectory()) {
                if (!SKIPPED_FOLDERS.has(entry.name)) walk(path);
            } else if (endings.some((ending) => entry.name.endsWith(ending))) {
                found.push(relative(ROOT, path).split(sep).join('/'));
            }
        }
    };
    for (const folder of folders) if (existsSync(join(ROOT, folder))) walk(join(ROOT, folder));
    return found.sort();
}

/** Text of a file, path from the root. */
export function readText(path: string): string {
    return readFileSync(join(ROOT, path), 'utf8');
}

/** Syntax tree of a TypeScript or JavaScript file, parents set, nothing resolved. */
export function parseSource(path: string): ts.SourceFile {
    return ts.createSourceFile(path, readText(path), ts.ScriptTarget.Latest, true);
}

/** One import of a file. */
export interface SourceImport {
    readonly specifier: string;
    /** Repository path of a relative import, `?raw` removed and `.js` read as `.ts`; undefined for a package. */
    readonly target: string | undefined;
    /** Erased by the compiler. */
    readonly isTypeOnly: boolean;
    /** `import()`: fetched when it is called. */
    readonly isDynamic: boolean;
}

/** Every static, re-exporting, dynamic and type-position import of a file. */
export function importsOf(path: string): SourceImport[] {
    const imports: SourceImport[] = [];
    const add = (node: ts.Node | undefined, isTypeOnly: boolean, isDynamic = false): void => {
        if (node === undefined || !ts.isStringLiteralLike(node)) return;
        imports.push({ specifier: node.text, target: resolveTarget(path, node.text), isTypeOnly, isDynamic });
    };
    const visit = (node: ts.Node): void => {
        if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false);
        else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
        else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
        else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
            add(node.arguments[0], false, true);
        }
        ts.forEachChild(node, visit);
    };
    visit(parseSource(path));
    return imports;
}

function resolveTarget(from: string, specifier: string): string | undefined {
    if (!specifier.startsWith('.')) return undefined;
    const path = posix.join(posix.dirname(from), specifier.replace(/\?.*$/, ''));
    const asTypeScript = path.replace(/\.js$/, '.ts');
    return existsSync(join(ROOT, asTypeScript)) ? asTypeScript : path;
}
