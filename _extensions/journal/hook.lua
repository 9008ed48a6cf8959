-- Quarto starts this before and after a render (`pre-render` and `post-render` in _quarto.yml), and cvlib
-- drops the frozen chapters that are no longer true. Without a Python that has cvlib they all stand.

if os.getenv("CVLIB_RENDERS") then return {} end -- `cvlib render` has done it already

local stage = os.getenv("QUARTO_PROJECT_OUTPUT_FILES") and "post" or "pre"
local root = os.getenv("QUARTO_PROJECT_DIR") or "."
local windows = package.config:sub(1, 1) == "\\"

local function quoted(path)
  return windows and '"' .. path .. '"' or "'" .. path:gsub("'", "'\\''") .. "'"
end

local pythons = { os.getenv("QUARTO_PYTHON") or "" }
for _, inside in ipairs({ "/.venv/bin/python", "/.venv/Scripts/python.exe" }) do
  local file = io.open(root .. inside, "rb")
  if file then
    file:close()
    table.insert(pythons, root .. inside)
  end
end
table.insert(pythons, "python3")
table.insert(pythons, "python")

local why = "no Python was found"
for _, python in ipairs(pythons) do
  if python ~= "" then
    local pipe = io.popen(quoted(python) .. " -m cvlib.freeze.hook " .. stage .. " 2>&1")
    for line in pipe:lines() do
      if line:find("^cvlib: ") then
        io.stderr:write(line, "\n")
      elseif line:find("No module named", 1, true) then
        why = python .. ": " .. line:match("No module named.*")
      end
    end
    if pipe:close() then return {} end
  end
end
if stage == "pre" then
  io.stderr:write("cvlib: freshness was not checked (", why, "); frozen chapters are taken as they are\n")
end
return {}
