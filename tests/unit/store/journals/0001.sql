BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE events (
	task_id TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	type TEXT NOT NULL, 
	data TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (task_id, seq)
)
 WITHOUT ROWID

;
INSERT INTO "events" VALUES('00000000-0000-4000-8000-000000000001',1,'status_change','{"status":"running","message":"los","attempt":1}',1772366400123457);
INSERT INTO "events" VALUES('00000000-0000-4000-8000-000000000001',2,'log','{"level":"info","message":"line 2"}',1772366400123457);
INSERT INTO "events" VALUES('00000000-0000-4000-8000-000000000001',3,'progress','{"attempt":1,"current_iteration":1,"max_iterations":2,"progress_percent":50.0}',1772366400123457);
INSERT INTO "events" VALUES('00000000-0000-4000-8000-000000000001',4,'status_change','{"status":"completed","message":"","attempt":1,"result":{"x":1.5}}',1772366400123457);
CREATE TABLE idempotency_keys (
	owner TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	body_hash TEXT NOT NULL, 
	task_id TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (owner, "key"), 
	FOREIGN KEY(task_id) REFERENCES tasks (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "idempotency_keys" VALUES('local','key','hash','00000000-0000-4000-8000-000000000001',1772366400123457);
CREATE TABLE journal (
	id INTEGER NOT NULL, 
	epoch TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "journal" VALUES(1,'817c2bf2729844328a3e64da98d34391');
CREATE TABLE openings (
	id TEXT NOT NULL, 
	boot_id TEXT, 
	process TEXT NOT NULL, 
	synchronous TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE task_tags (
	tag TEXT NOT NULL, 
	task_id TEXT NOT NULL, 
	PRIMARY KEY (tag, task_id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "task_tags" VALUES('gpu','00000000-0000-4000-8000-000000000001');
INSERT INTO "task_tags" VALUES('night','00000000-0000-4000-8000-000000000001');
CREATE TABLE tasks (
	id TEXT NOT NULL, 
	type TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	params TEXT NOT NULL, 
	name TEXT NOT NULL, 
	tags TEXT NOT NULL, 
	priority INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	progress_percent FLOAT NOT NULL, 
	current_iteration BIGINT NOT NULL, 
	max_iterations BIGINT, 
	message TEXT NOT NULL, 
	metrics TEXT NOT NULL, 
	eta_seconds FLOAT, 
	attempt INTEGER NOT NULL, 
	max_attempts INTEGER NOT NULL, 
	timeout_seconds FLOAT, 
	retry_of TEXT, 
	pending_command TEXT, 
	worker TEXT, 
	lease_id TEXT, 
	started_at BIGINT, 
	completed_at BIGINT, 
	result TEXT, 
	error TEXT, 
	artifact_dir TEXT, 
	last_seq BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "tasks" VALUES('00000000-0000-4000-8000-000000000001','training','local',1772366401123457,'{"a":[1,null]}','Kühlkörper ☃','["night","gpu"]',0,'completed',100.0,1,2,'','{}',NULL,0,1,NULL,NULL,NULL,NULL,NULL,1772366400123457,1772366400123457,'{"x":1.5}',NULL,NULL,4);
INSERT INTO "tasks" VALUES('00000000-0000-4000-8000-000000000002','training','local',1772366402123457,'{}','','[]',5,'pending',0.0,0,NULL,'','{}',NULL,0,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0);
CREATE INDEX ix_tasks_created ON tasks (created_at, id);
CREATE INDEX ix_tasks_status ON tasks (status, created_at, id);
CREATE INDEX ix_tasks_owner ON tasks (owner, created_at, id);
CREATE INDEX ix_tasks_type ON tasks (type, created_at, id);
CREATE INDEX ix_tasks_queue ON tasks (status, priority DESC, created_at, id) WHERE status = 'pending';
CREATE INDEX ix_task_tags_task ON task_tags (task_id);
CREATE INDEX ix_events_type ON events (task_id, type, seq);
CREATE INDEX ix_idempotency_keys_task ON idempotency_keys (task_id);
COMMIT;
