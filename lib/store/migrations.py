"""How the tables came to be: each change once, in order, on every database there is."""

# Applied once each, in order, and never edited: a change is a new entry. TEXT, BIGINT, BYTEA and
# DOUBLE PRECISION mean the same to both databases.
MIGRATIONS: dict[str, tuple[str, ...]] = {
    "2026-11-22 calls": (
        """CREATE TABLE calls (
            id TEXT PRIMARY KEY, started TEXT NOT NULL, month TEXT NOT NULL,
            model TEXT NOT NULL, source TEXT NOT NULL, finish TEXT NOT NULL, error TEXT,
            input_tokens BIGINT, output_tokens BIGINT, thinking_tokens BIGINT,
            cached_tokens BIGINT, cost_picousd BIGINT, reserved_picousd BIGINT NOT NULL,
            ttft_ms DOUBLE PRECISION, total_ms DOUBLE PRECISION, version TEXT, tier TEXT)""",
        "CREATE INDEX calls_started ON calls (started)",
        """CREATE TABLE months (
            month TEXT PRIMARY KEY, spent_picousd BIGINT NOT NULL,
            reserved_picousd BIGINT NOT NULL)""",
    ),
    "2026-11-22 conversations": (
        """CREATE TABLE conversations (
            id TEXT PRIMARY KEY, created TEXT NOT NULL, updated TEXT NOT NULL,
            title TEXT NOT NULL)""",
        """CREATE TABLE messages (
            conversation TEXT NOT NULL, position BIGINT NOT NULL, role TEXT NOT NULL,
            body TEXT NOT NULL, PRIMARY KEY (conversation, position))""",
        "CREATE TABLE media (sha256 TEXT PRIMARY KEY, mime TEXT NOT NULL, data BYTEA NOT NULL)",
    ),
    "2026-11-22 jobs": (
        "ALTER TABLE calls ADD COLUMN job TEXT",
        """CREATE TABLE jobs (
            id TEXT PRIMARY KEY, created TEXT NOT NULL, finished TEXT, name TEXT NOT NULL,
            upload TEXT NOT NULL, spec TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL,
            run BIGINT NOT NULL, error TEXT, centre TEXT, manifest TEXT NOT NULL,
            rows_total BIGINT NOT NULL, rows_done BIGINT NOT NULL, rows_failed BIGINT NOT NULL,
            calls BIGINT NOT NULL, input_tokens BIGINT, output_tokens BIGINT,
            thinking_tokens BIGINT, cached_tokens BIGINT, cost_picousd BIGINT,
            budget_picousd BIGINT, spent_picousd BIGINT NOT NULL, reserved_picousd BIGINT NOT NULL,
            run_started DOUBLE PRECISION, run_rows BIGINT NOT NULL)""",
        """CREATE TABLE job_chunks (
            job TEXT NOT NULL, chunk BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
            asks BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (job, chunk))""",
        """CREATE TABLE job_twins (
            job TEXT NOT NULL, n BIGINT NOT NULL, first BIGINT NOT NULL, gold TEXT,
            PRIMARY KEY (job, first, n))""",
        """CREATE TABLE results (
            job TEXT NOT NULL, n BIGINT NOT NULL, label TEXT, confidence DOUBLE PRECISION,
            error TEXT, input_tokens BIGINT, output_tokens BIGINT, thinking_tokens BIGINT,
            cached_tokens BIGINT, cost_picousd BIGINT, latency_ms DOUBLE PRECISION, key TEXT,
            gold TEXT, PRIMARY KEY (job, n))""",
        "CREATE INDEX results_key ON results (key) WHERE key IS NOT NULL",
        "CREATE TABLE machines (id TEXT PRIMARY KEY, seen DOUBLE PRECISION NOT NULL)",
        """CREATE TABLE upload_parts (
            upload TEXT NOT NULL, part BIGINT NOT NULL, data BYTEA NOT NULL,
            PRIMARY KEY (upload, part))""",
    ),
    "2026-11-22 chat page": (
        "ALTER TABLE conversations ADD COLUMN pinned BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE conversations ADD COLUMN settings TEXT",
        "ALTER TABLE conversations ADD COLUMN plain TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE messages ADD COLUMN plain TEXT NOT NULL DEFAULT ''",
        "UPDATE conversations SET plain = lower(title)",
        "UPDATE messages SET plain = lower(body)",
        "CREATE INDEX conversations_shown ON conversations (pinned, updated, id)",
        """CREATE TABLE message_media (
            conversation TEXT NOT NULL, position BIGINT NOT NULL, sha256 TEXT NOT NULL,
            PRIMARY KEY (conversation, position, sha256))""",
        "CREATE INDEX message_media_used ON message_media (sha256)",
        # A quote in somebody's text is escaped in the body, so only the list itself begins so.
        """INSERT INTO message_media SELECT m.conversation, m.position, f.sha256
            FROM messages m JOIN media f ON m.body LIKE '%"' || f.sha256 || '"%'
            WHERE m.body LIKE '%"media":["%'""",
        """CREATE TABLE marks (
            conversation TEXT NOT NULL, prompt BIGINT NOT NULL, model_a TEXT NOT NULL,
            model_b TEXT NOT NULL, better TEXT NOT NULL, marked TEXT NOT NULL,
            PRIMARY KEY (conversation, prompt, model_a, model_b))""",
    ),
    "2026-11-22 presets": (
        "CREATE TABLE presets (name TEXT PRIMARY KEY, body TEXT NOT NULL, updated TEXT NOT NULL)",
    ),
    "2026-11-22 plans": (
        "CREATE TABLE plans (name TEXT PRIMARY KEY, body TEXT NOT NULL, updated TEXT NOT NULL)",
    ),
    "2026-11-23 log-outs": (
        "CREATE TABLE ended_logins (login TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL)",
        "CREATE INDEX ended_logins_until ON ended_logins (until)",
    ),
    "2026-11-23 speed tests": (
        """CREATE TABLE speed_tests (
            id TEXT PRIMARY KEY, created TEXT NOT NULL, finished TEXT, state TEXT NOT NULL,
            model TEXT NOT NULL, seen DOUBLE PRECISION NOT NULL, calls BIGINT NOT NULL,
            cost_picousd BIGINT, error TEXT, body TEXT NOT NULL)""",
    ),
    "2026-11-23 batches": (
        """CREATE TABLE batches (
            id TEXT PRIMARY KEY, job TEXT NOT NULL, chunk BIGINT NOT NULL, state TEXT NOT NULL,
            name TEXT, rows_sent BIGINT NOT NULL, calls TEXT NOT NULL, created TEXT NOT NULL,
            tried DOUBLE PRECISION NOT NULL, ended TEXT)""",
        "CREATE INDEX batches_of_job ON batches (job, state)",
    ),
}
