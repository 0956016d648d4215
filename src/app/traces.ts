/** Starts the traces of a process, by its configuration. */
import type { Config } from "../config.ts";
import type { Logger } from "../observability/logger.ts";
import type { Tracing } from "../observability/traces/options.ts";
import { startTracing } from "../observability/traces/start.ts";

const OPENAI = "https://api.openai.com/v1";

export function startTraces({ model, shop, traces }: Config, logger: Logger): Promise<Tracing> {
  const modelServer = model && (model.baseUrl ?? OPENAI);
  return startTracing(traces && { ...traces, agentName: shop.name, modelServer }, logger);
}
