import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { listFiles, parseSource } from '../helpers/sources.js';

// The modules whose purpose is their effect: registration, and the entry of the worker.
const EFFECTS = ['plugin/register.ts', 'plugin/audio/analysis/analysis-worker.ts'];
const files = listFiles(['plugin'], ['.ts']).filter((file) => !EFFECTS.includes(file));

/** Calls without effect that a constant may make: our declarations and their bindings, arithmetic, freezing, joining text. */
const PURE_CALL = /^(define[A-Z]\w*|uniform|readOnly|readWrite|Math\.\w+|Object\.freeze|\[[^(]*\]\.(join|map))$/;

/** What a module does when it is imported, as `line: text`. */
function topLevelEffects(source: ts.SourceFile): string[] {
    const effects: string[] = [];
    const report = (node: ts.Node): void => {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
        effects.push(`${source.fileName}:${line + 1}: ${node.getText(source).split('\n')[0] ?? ''}`);
    };
    /** Looks for work in an expression that runs at import; the bodies of functions do not. */
    const scan = (node: ts.Node): void => {
        if (ts.isFunctionLike(node)) return;
        const isPureCall = ts.isCallExpression(node) && PURE_CALL.test(node.expression.getText(source));
        if (ts.isNewExpression(node) || ts.isAwaitExpression(node)) report(node);
        else if (ts.isCallExpression(node) && !isPureCall) report(node);
        else if (isPureCall) node.arguments.forEach((argument) => scan(bodyIfArrow(argument)));
        else ts.forEachChild(node, scan);
    };
    for (const statement of source.statements) {
        if (ts.isVariableStatement(statement)) {
            if ((statement.declarationList.flags & ts.NodeFlags.Const) === 0) report(statement);
            else scan(statement);
        } else if (ts.isClassDeclaration(statement)) {
            for (const member of statement.members) {
                const isStatic = ts.canHaveModifiers(member) && ts.getModifiers(member)?.some(isStaticKeyword);
                if (ts.isClassStaticBlockDeclaration(member)) report(member);
                else if (isStatic && ts.isPropertyDeclaration(member) && member.initializer) scan(member.initializer);
            }
        } else if (!isDeclaration(statement)) {
            report(statement);
        }
    }
    return effects;
}

/** The callback of a `map` runs at import, unlike other functions. */
function bodyIfArrow(node: ts.Expression): ts.Node {
    return ts.isArrowFunction(node) ? node.body : node;
}

function isStaticKeyword(modifier: ts.Modifier): boolean {
    return modifier.kind === ts.SyntaxKind.StaticKeyword;
}

function isDeclaration(statement: ts.Statement): boolean {
    return (
        ts.isExportDeclaration(statement) ||
        ts.isFunctionDeclaration(statement) ||
        ts.isInterfaceDeclaration(statement) ||
        ts.isTypeAliasDeclaration(statement) ||
        ts.isModuleDeclaration(statement) ||
        // `import 'x'` exists for its effect alone.
        (ts.isImportDeclaration(statement) && statement.importClause !== undefined)
    );
}

describe('purity', () => {
    it('does nothing when a module of the plugin is imported', () => {
        expect(files.flatMap((file) => topLevelEffects(parseSource(file)))).toEqual([]);
    });

    it('sees registrations, global maps, mutable globals and bare imports', () => {
        const text = [
            "import './polyfill.js';",
            'const seen = new Map();',
            'export let count = 0;',
            'register(seen);',
            'class A { static cache = load(); }',
            'const later = () => new Map();',
        ].join('\n');
        const effects = topLevelEffects(ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest, true));
        expect(effects.map((effect) => effect.split(':')[1])).toEqual(['1', '2', '3', '4', '5']);
    });
});

describe('front files that know no browser', () => {
    it.for(['core', 'audio', 'densify'])('plugin/%s can be imported in Node and adds no global', async (folder) => {
        const before = Object.getOwnPropertyNames(globalThis);
        await import(`../../plugin/${folder}/index.ts`);
        expect(Object.getOwnPropertyNames(globalThis)).toEqual(before);
    });
});
