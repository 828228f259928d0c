// Every service of the public schema, in the order in which they are listed to clients.

import { EventService } from "../../../proto/gen/bailiwick/v1/event_pb.ts";
import { ReconfigurationService } from "../../../proto/gen/bailiwick/v1/reconfiguration_service_pb.ts";
import { type ApiService, defineLater } from "../service.ts";
import { clusterService } from "./cluster-service.ts";
import { groupService } from "./group-service.ts";
import { keyValueService } from "./key-value-service.ts";
import { leaseService } from "./lease-service.ts";
import { maintenanceService } from "./maintenance-service.ts";
import { nodeService } from "./node-service.ts";
import { sessionService } from "./session-service.ts";
import { watchService } from "./watch-service.ts";

export const allServices: readonly ApiService[] = [
  keyValueService,
  watchService,
  leaseService,
  sessionService,
  groupService,
  nodeService,
  clusterService,
  defineLater(ReconfigurationService, "dynamic reconfiguration"),
  defineLater(EventService, "dynamic reconfiguration, which brings the queue of events"),
  maintenanceService,
];
