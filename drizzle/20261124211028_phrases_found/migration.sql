-- By hand, as all that belongs to `messages.search`: drizzle-kit has no word for functions and for indexes on them.
--
-- The pairs of words that follow one another, each as a number below 2^18. Syllables of Vietnamese are so frequent that
-- thousands of messages have both of two for each that has the one behind the other ("cà phê"): the index on words led to
-- all of them (p95 3.8 s in 2,000,000 messages), this one leads to those that have the pair, and to few that only share its
-- number. What is found is still compared with the words themselves.
CREATE FUNCTION "pairs_of"(words tsvector) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 3000
RETURN (
	WITH word AS MATERIALIZED (
		SELECT lexeme, position FROM unnest(words) AS stored(lexeme, positions, weights), unnest(positions) AS position
	)
	SELECT coalesce(array_agg(DISTINCT hashtext(former.lexeme || ' ' || latter.lexeme) & 262143), '{}')
	FROM word AS former JOIN word AS latter ON latter.position = former.position + 1
);
--> statement-breakpoint
CREATE INDEX "messages_by_pairs" ON "messages" USING gin (pairs_of("search"));
