/**
 * The statements that seed a database with two years of a chain of shops. They generate rows on the server, chunk by chunk.
 *
 * All values come from hashes of row numbers, so that the same size gives the same rows. Rows are inserted in order of time, as
 * in reality: the messages of one thread are far apart. Temporary tables are in the schema `bench`. `seed.ts` defines the order
 * of the statements and handles indexes.
 */
import type { Size } from "../sizes.ts";
import { WORDS_PER_LANGUAGE } from "./vocabulary.ts";

/** The end of the two years. */
export const SEED_END = "2026-11-24T00:00:00Z";

const BOT_ID = 4_242;
const STAFF_PER_THREAD = 1 / 50;
/** Two of three chats are private. */
const CHATS_PER_STAFF_MEMBER = 1.5;
const PHRASES = 20_000;
const OUTPUTS = 2_000;

/** Functions and small tables from which all other rows are generated. */
export const PREPARE = [
  "create schema bench",
  // A deterministic value from 0 to 1 for a number and a purpose.
  `create function bench.share(number bigint, purpose integer) returns double precision language sql immutable parallel safe
   return ((hashint8extended(number, purpose) >> 11) & 9007199254740991)::double precision / 9007199254740992`,
  // A UUIDv7 for this time.
  `create function bench.id(at timestamptz, number bigint, kind text) returns uuid language sql stable parallel safe
   return (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0')
     || '7' || substr(md5(kind || number), 1, 3) || '8' || substr(md5(kind || number), 4, 15))::uuid`,
  "create unlogged table bench.words (language text, place integer, word text, primary key (language, place))",
];

/** Parameters: the language and its words, the most frequent first. */
export const ADD_WORDS =
  "insert into bench.words select $1::text, place, word from unnest($2::text[]) with ordinality as given(word, place)";

/** The source tables, and the rows of people, chats and threads. */
export function draw(size: Size): string[] {
  const staff = Math.max(20, Math.round(size.threads * STAFF_PER_THREAD));
  const chats = staff * CHATS_PER_STAFF_MEMBER;
  return [
    ...DRAW_WORDS,
    ...drawThreads(size, chats),
    ...drawRuns(staff),
    "analyze bench.phrases, bench.outputs, bench.threads, bench.runs",
    ...storePeople(staff, chats),
    ...STORE_THREADS,
  ];
}

const DRAW_WORDS = [
  `create unlogged table bench.phrases as
   select language, number, string_agg(word, ' ' order by at) as phrase
   from (values ('en', 1), ('vi', 2)) as spoken(language, salt)
   cross join generate_series(1, ${PHRASES}) as number
   cross join lateral (
     select at, floor(power(${WORDS_PER_LANGUAGE}, bench.share(number * 100 + at, 10 + salt)))::integer as place
     from generate_series(1, 4 + floor(9 * bench.share(number, salt))::integer) as at
   ) as drawn
   join bench.words using (language, place)
   group by language, number`,
  "alter table bench.phrases add primary key (language, number)",
  `create unlogged table bench.outputs as
   select variant, jsonb_build_object('products', jsonb_agg(jsonb_build_object(
     'name', word, 'sku', 'SKU-' || drawn.place, 'stock', drawn.place % 40,
     'reorder_level', 10 + drawn.place % 7,
     'sold_a_day', round((drawn.place % 97) / 7.0, 2)) order by item)) as output
   from generate_series(1, ${OUTPUTS}) as variant
   cross join lateral (
     select item, 1 + floor(${WORDS_PER_LANGUAGE} * bench.share(variant * 100 + item, 20))::integer as place
     from generate_series(1, 1 + floor(17 * bench.share(variant, 21))::integer) as item
   ) as drawn
   join bench.words on words.language = 'vi' and words.place = drawn.place
   group by variant`,
  "alter table bench.outputs add primary key (variant)",
];

function drawThreads(size: Size, chats: number): string[] {
  return [
    // The length of threads is log-normal: half have up to 12 messages, and one in fifty has more than 100.
    `create unlogged table bench.threads as
     with weighed as (
       select number, exp(1.1 * sqrt(-2 * ln(1 - bench.share(number, 30))) * cos(2 * pi() * bench.share(number, 31))) as weight
       from generate_series(1, ${size.threads}) as number
     ), summed as (
       select number, sum(weight) over (order by number) / sum(weight) over () as upto from weighed
     ), counted as (
       select number, round(${size.runs - size.threads} * least(upto, 1))::integer as upto from summed
     ), placed as (
       select number, 1 + upto - lag(upto, 1, 0) over (order by number) as runs,
         1 + floor(${chats} * power(bench.share(number, 32), 1.6))::integer as chat,
         timestamptz '${SEED_END}' - interval '1 day' - interval '729 days' * power(bench.share(number, 33), 1.2) as begins
       from counted
     )
     select number, runs, chat, begins, bench.id(begins, number, 'thread') as id,
       bench.id(timestamptz '${SEED_END}' - interval '730 days', chat, 'chat') as chat_id,
       case when chat % 3 = 0 then null else chat - chat / 3 end as person,
       case when bench.share(chat, 34) < 0.7 then 'vi' else 'en' end as language,
       least(timestamptz '${SEED_END}' - interval '1 minute' - begins,
         runs * interval '40 minutes' * (0.2 + 3 * bench.share(number, 35))) as span
     from placed`,
  ];
}

function drawRuns(staff: number): string[] {
  return [
    `create unlogged table bench.runs as
     with asked as (
       select threads.number as thread, ordinal, language, chat_id, threads.id as thread_id, begins
         + span * ((ordinal - 1 + 0.8 * bench.share(threads.number * 100000::bigint + ordinal, 40)) / runs) as at,
         coalesce(person, 1 + (chat * 31 + floor(8 * bench.share(threads.number * 100000::bigint + ordinal, 41))::integer)
           % ${staff}) as person
       from bench.threads cross join lateral generate_series(1, runs) as ordinal
     ), numbered as (
       select *, row_number() over (order by at, thread, ordinal) as number from asked
     )
     select *, bench.id(at, number, 'run') as id, bench.id(timestamptz '${SEED_END}' - interval '730 days', person, 'staff')
         as asker_id,
       (array['staff', 'staff', 'staff', 'manager', 'owner'])[1 + person % 5]::staff_role as asker_role,
       (case when bench.share(number, 42) < 0.94 then 'completed' when bench.share(number, 42) < 0.97 then 'failed'
         when bench.share(number, 42) < 0.985 then 'cancelled' else 'incomplete' end)::run_status as status,
       -- Of twenty runs, eight call one tool and one calls two: 500,000 calls in 1,000,000 runs.
       case when number * 13 % 20 < 8 then 1 when number * 13 % 20 = 8 then 2 else 0 end as calls,
       5 + floor(55 * bench.share(number, 43))::integer as wait_ms,
       500 + floor(2500 * exp(1.2 * (bench.share(number, 44) + bench.share(number, 45) + bench.share(number, 46) - 1.5)))
         ::integer as duration_ms
     from numbered`,
    "alter table bench.runs add primary key (number)",
  ];
}

const STORE_THREADS = [
  `insert into threads (id, chat_id, title, status, next_position, created_at, last_activity_at, closed_at)
   with active as (
     select thread, max(at + (wait_ms + duration_ms) * interval '1 millisecond') as last from bench.runs group by thread
   ), ranked as (
     select threads.*, last, row_number() over (partition by chat order by last desc, number desc) as rank
     from bench.threads join active on active.thread = threads.number
   )
   select id, chat_id, (
       select left(phrase, 80) from bench.phrases
       where phrases.language = ranked.language and phrases.number = 1 + floor(${PHRASES} * bench.share(ranked.number, 36))::integer
     ), case when rank = 1 then 'open' else 'closed' end::thread_status, 2 * runs + 1, begins, last,
     case when rank > 1 then last end
   from ranked order by begins`,
];

function storePeople(staff: number, chats: number): string[] {
  return [
    `insert into staff (id, telegram_user_id, name, username, role, created_at)
     select bench.id(timestamptz '${SEED_END}' - interval '730 days', number, 'staff'), 1000000 + number,
       (array['Lan', 'Minh', 'Hương', 'Tuấn', 'Ngọc', 'Anna', 'Đức', 'Thảo'])[1 + number % 8] || ' ' || number,
       case when number % 3 > 0 then 'user_' || number end,
       (array['staff', 'staff', 'staff', 'manager', 'owner'])[1 + number % 5]::staff_role,
       timestamptz '${SEED_END}' - interval '730 days' + number * interval '1 second'
     from generate_series(1, ${staff}) as number`,
    `insert into chats (id, bot_id, telegram_id, type, title, created_at)
     select bench.id(timestamptz '${SEED_END}' - interval '730 days', number, 'chat'), ${BOT_ID},
       case when number % 3 = 0 then -1000000 - number else 1000000 + number - number / 3 end,
       case when number % 3 > 0 then 'private' when number % 2 = 0 then 'group' else 'supergroup' end::chat_type,
       case when number % 3 = 0 then 'Branch ' || number else 'Person ' || number - number / 3 end,
       timestamptz '${SEED_END}' - interval '730 days' + number * interval '1 second'
     from generate_series(1, ${chats}) as number`,
  ];
}

/** Generates a chunk. Parameters: the first and the last number of its runs. `STORE_CHUNK` stores it. */
export const DRAW_CHUNK = [
  "truncate bench.chunk",
  `insert into bench.chunk
   select runs.*, at + wait_ms * interval '1 millisecond', at + (wait_ms + duration_ms) * interval '1 millisecond',
     asked.phrase || case when bench.share(runs.number, 51) < 0.2 then ' ' || rare.word else '' end || '?',
     answered.text || ' ' || to_char(1000 * floor(9000 * bench.share(runs.number, 53)), 'FM999,999,999') || ' ₫.'
   from bench.runs
   join bench.phrases as asked on asked.language = runs.language
     and asked.number = 1 + floor(${PHRASES} * bench.share(runs.number, 50))::integer
   join bench.words as rare on rare.language = runs.language
     and rare.place = 1 + floor(${WORDS_PER_LANGUAGE} * bench.share(runs.number, 52))::integer
   cross join lateral (
     select string_agg(phrase, case when part % 3 = 0 then E'.\\n- ' else ', ' end order by part) as text
     from generate_series(1, 2 + floor(6 * bench.share(runs.number, 54))::integer) as part
     join bench.phrases on phrases.language = runs.language
       and phrases.number = 1 + floor(${PHRASES} * bench.share(runs.number * 10 + part, 55))::integer
   ) as answered
   where runs.number between $1 and $2`,
];

export const PREPARE_CHUNK = `create unlogged table bench.chunk as
  select runs.*, at as started_at, at as completed_at, ''::text as question, ''::text as answer from bench.runs limit 0`;

export const STORE_CHUNK = [
  `insert into runs (id, thread_id, position, status, asker_id, asker_role, language, model, attempt, error_code, error_message,
     input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, queued_at, started_at, first_token_at, completed_at)
   select id, thread_id, 2 * ordinal - 1, status, asker_id, asker_role, language,
     case when bench.share(number, 60) < 0.8 then 'gpt-6-luna' else 'gpt-6-nova' end,
     case when bench.share(number, 61) < 0.99 then 1 else 2 end,
     case when status = 'failed' then (array['MODEL_UNAVAILABLE', 'MODEL_UNAVAILABLE', 'MODEL_TIMEOUT', 'TOO_MANY_ROUNDS'])
       [1 + number % 4] end,
     case when status = 'failed' then 'The model did not answer' end,
     1200 + 40 * ordinal, 1024 * (ordinal % 2), length(answer) / 3, 64 * (number % 4)::integer,
     at, started_at, started_at + 0.4 * duration_ms * interval '1 millisecond', completed_at
   from bench.chunk order by at`,
  `insert into messages (id, thread_id, position, role, text, author_id, visible_to, run_id, telegram_message_id, sent_at,
     created_at, completed_at)
   select bench.id(at, number, 'question'), thread_id, 2 * ordinal - 1, 'user'::message_role, question, asker_id, asker_role, id,
     2 * number, at - interval '1 second', at as created_at, at
   from bench.chunk
   union all
   select bench.id(completed_at, number, 'answer'), thread_id, 2 * ordinal, 'assistant', answer, null, asker_role, id,
     null, completed_at, completed_at, case when status = 'completed' then completed_at end
   from bench.chunk
   order by created_at`,
  `insert into replies (id, run_id, chat_id, final_text, status, telegram_message_ids, error, created_at, delivered_at)
   select bench.id(at, number, 'reply'), id, chat_id, answer,
     case when bench.share(number, 70) < 0.995 then 'delivered' else 'failed' end::delivery_status,
     array[2 * number + 1], case when bench.share(number, 70) >= 0.995 then 'Forbidden: bot was blocked by the user' end,
     at, case when bench.share(number, 70) < 0.995 then completed_at + interval '90 milliseconds' end
   from bench.chunk order by at`,
  `insert into tool_calls (id, run_id, thread_id, round, position, call_id, name, arguments, output, error, status, created_at,
     started_at, completed_at)
   select bench.id(asked_at, number * 10 + place, 'tool'), id, thread_id, 1, place, 'call_' || md5(number || ' ' || place), name,
     case when name = 'CheckDailyRevenue' then jsonb_build_object('date', to_char(at, 'YYYY-MM-DD')) else '{}' end,
     case when failed then jsonb_build_object('error', 'The figures took longer than 5 s')
       else outputs.output || jsonb_build_object('stock_as_of', to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS'), 'units', number % 997) end,
     case when failed then 'The figures took longer than 5 s' end,
     case when failed then 'failed' else 'succeeded' end::tool_call_status, asked_at,
     asked_at + interval '3 milliseconds',
     asked_at + (4 + floor(200 * power(bench.share(number * 10 + place, 80), 3))) * interval '1 millisecond'
   from bench.chunk
   cross join lateral (
     select place, started_at + 0.2 * duration_ms * interval '1 millisecond' as asked_at,
       bench.share(number * 10 + place, 81) >= 0.97 as failed,
       (array['CheckOutOfStock', 'CheckOutOfStock', 'CheckOutOfStock', 'CheckOutOfStock', 'CheckOutOfStock',
         'CheckDailyRevenue', 'CheckDailyRevenue', 'CheckDailyRevenue', 'CheckBestSellers', 'CheckSupplier'])
         [1 + floor(10 * bench.share(number * 10 + place, 82))::integer] as name,
       1 + floor(${OUTPUTS} * bench.share(number * 10 + place, 83))::integer as variant
     from generate_series(0, calls - 1) as place
   ) as called
   join bench.outputs on outputs.variant = called.variant
   order by asked_at`,
];
