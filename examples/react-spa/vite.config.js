import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const port = Number(process.env.PORT ?? 5173);

// Not localhost: cookies belong to a host name, and the stack's is 127.0.0.1.
export default defineConfig({
  plugins: [react()],
  server: { host: "127.0.0.1", port, strictPort: true },
  preview: { host: "127.0.0.1", port, strictPort: true },
});
