import { readFileSync } from 'node:fs';
import tseslint from 'typescript-eslint';

const { units } = JSON.parse(readFileSync(new URL('./tests/audit/boundaries.json', import.meta.url), 'utf8'));

/**
 * Import boundaries at the keyboard, from the same table as tests/audit/boundaries.test.ts, which is the full check. Here:
 * a file directly in plugin/<folder>, or one level deeper, reaches a sibling through its front file only, and takes only
 * the packages its folder may know.
 */
function boundaryConfigs() {
    return Object.entries(units).flatMap(([unit, { imports, packages }]) => {
        const folder = /^plugin\/([a-z-]+)$/.exec(unit)?.[1];
        if (folder === undefined) return [];
        const fronts = imports.map((target) => target.replace(/^plugin\//, '').replace(/\.ts$/, '.js'));
        const front = fronts.map((target) => (target.endsWith('.js') ? target : `${target}/index.js`)).join('|');
        const known = ['\\.', ...packages.map((name) => `${name}(/|$)`)].join('|');
        return [0, 1].map((depth) => ({
            files: [`plugin/${folder}/${'*/'.repeat(depth)}*.ts`],
            rules: {
                'no-restricted-imports': [
                    'error',
                    {
                        patterns: [
                            {
                                regex: `^(\\.\\./){${depth + 1}}(?!(${front || '$^'})$)`,
                                message: `plugin/${folder} may import front files of: ${imports.join(', ') || 'nothing'}.`,
                            },
                            {
                                regex: `^(?!${known})`,
                                message: `plugin/${folder} may use packages: ${packages.join(', ') || 'none'}.`,
                            },
                        ],
                    },
                ],
            },
        }));
    });
}

export default tseslint.config(
    { ignores: ['**/node_modules/', '**/dist/', '**/build/', 'tests/output/', 'tools/trainer-node/native/', 'docs/'] },
    tseslint.configs.recommended,
    {
        files: ['**/*.ts'],
        languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
        rules: {
            '@typescript-eslint/await-thenable': 'error',
            '@typescript-eslint/no-floating-promises': 'error',
            '@typescript-eslint/no-misused-promises': 'error',
            '@typescript-eslint/only-throw-error': 'error',
            '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
        },
    },
    {
        rules: {
            '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
            '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
            eqeqeq: 'error',
            'max-lines': ['error', 450],
            'max-params': ['error', 6],
            'no-restricted-exports': [
                'error',
                { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } },
            ],
            'no-restricted-syntax': [
                'error',
                { selector: 'Decorator', message: 'No decorators: tree shaking and build order.' },
            ],
            'no-var': 'error',
            'object-shorthand': 'error',
            'prefer-const': 'error',
        },
    },
    // Output belongs to the programs with a terminal or a page of their own.
    {
        files: ['plugin/**', 'tests/**', 'tools/*/src/**'],
        ignores: ['tests/bench/**', '**/cli.ts'],
        rules: { 'no-console': 'error' },
    },
    { files: ['*.config.ts', '*.config.js'], rules: { 'no-restricted-exports': 'off' } },
    // The type-aware rules would only repeat what tests prove; a loose cast of a stub is fine there.
    { files: ['tests/**'], rules: { 'max-params': 'off' } },
    ...boundaryConfigs(),
);
